"""What the service knows: concepts, their increments, jobs, pictures and who changed what.

Rows in SQLite or PostgreSQL by SQLAlchemy, artefacts as content-addressed blobs. No torch, no HTTP, no Celery.
Every function takes the open session of one transaction: `database.writing` or `database.reading` opens it.
"""
