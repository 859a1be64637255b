"""Work that the server does by itself: scripts that a host timer runs, as no container gets the Docker socket."""
