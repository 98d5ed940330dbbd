"""The HTML report: runs side by side, in one file that opens offline."""
