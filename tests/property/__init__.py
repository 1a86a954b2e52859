"""Properties of the whole: five clients and a server under every fault that can be played."""
