"""What is done later, in threads that every worker starts. It does not matter which of them is killed."""
