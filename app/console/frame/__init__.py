"""What all pages share: who may come in, headers, forms, how values are shown, and errors as pages."""
