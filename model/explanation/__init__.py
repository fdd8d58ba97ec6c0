"""Explanation: which factors a trained model's map hangs on, how it answers to them, and which one leads where."""
