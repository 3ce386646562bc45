"""What methods that train a network by gradients share: windows, the loop with its checks, from data to a fit."""
