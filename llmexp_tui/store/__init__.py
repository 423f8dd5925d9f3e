"""The store: everything an experiment ever was, in one SQLite file. The only package that knows SQL.

Functions take a `Store` first and return domain objects, small frozen dataclasses or plain columns.
Imports nothing here, so that opening a store is the first thing that pays for SQLAlchemy.
"""
