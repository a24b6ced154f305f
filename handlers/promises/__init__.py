"""Promises: who may make one."""
