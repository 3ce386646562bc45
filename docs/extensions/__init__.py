"""What turns the Markdown pages of this folder into a site."""
