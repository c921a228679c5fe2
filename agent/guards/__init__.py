"""What stands at the borders: nothing from outside passes unchecked, nothing private goes out."""
