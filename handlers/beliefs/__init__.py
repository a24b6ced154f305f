"""Facts and beliefs, followed and answered."""
