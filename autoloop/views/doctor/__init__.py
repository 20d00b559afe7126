"""What an environment has, what is missing and what does not go together: ``autoloop doctor``."""
