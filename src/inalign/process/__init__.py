"""The processes of the program: the supervisor, its children, the status server and the change of user."""
