"""What is accepted: every rule about dtype, shape, axes, masks, options and memory."""
