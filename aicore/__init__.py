"""The program: settings, embedded servers, supervisor, composition root, and the command line."""
