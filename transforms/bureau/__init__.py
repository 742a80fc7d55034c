"""What credit bureaus are told, in their own forms."""
