"""Access to the pages: sign-in, sessions, request guards and login throttle."""
