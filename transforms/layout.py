"""Version of the layout of lake and warehouse; raised with every change that old files do not fit."""

SCHEMA_VERSION = 2
