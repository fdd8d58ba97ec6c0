"""Safety factor: a rainfall threshold per landform as a layer that warns where the network may not."""
