"""What is remembered, followed and answered."""
