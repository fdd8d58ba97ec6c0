"""Training of networks: settings, data on the device, the loop over epochs, checkpoints and curves."""
