"""What is to be seen of what happened, followed and answered; and who finds it."""
