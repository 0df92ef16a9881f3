"""OAuth 2.0 as an org's login service speaks it: tokens, and the flows that a daemon uses."""
