"""What the pages of sign-on and of the console share: headers, errors as pages, and how text is shown."""
