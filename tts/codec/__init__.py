"""What the neural codecs share: convolutions that keep their past, and checked files."""
