"""The queue between a reply and whatever plays it, and the count of what was really played."""
