#!/usr/bin/python3
"""run.py [MODULE ...] - run the end-to-end tests; the last line is `N passed, N failed`."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

loader = unittest.TestLoader()
suite = (loader.loadTestsFromNames(sys.argv[1:]) if sys.argv[1:]
         else loader.discover(HERE, pattern="*_test.py"))
result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout, failfast=False).run(suite)
failed = len(result.failures) + len(result.errors)
print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
sys.exit(1 if failed else 0)
