"""Mutation of the pure core: each small defect, put in on purpose, must make a test fail. Ours, because speed decides.

Tests are collected once; each mutant is a fork that swaps the code of one function and runs the tests that reach it.
"""
