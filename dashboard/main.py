"""Navigation: the pages of the roles that the signed-in person holds, and the study they are about."""

if __name__ == "__main__":  # a worker process that this server starts imports the file too, under another name, and must run no page
    from dashboard.front import run

    run()
