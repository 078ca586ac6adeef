"""Wireroom's services: one folder a stage, and the rooms they share."""
