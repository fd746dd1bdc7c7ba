#!/usr/bin/python3
"""run.py [MODULE ...] - run the end-to-end tests; the last line is `N passed, N failed`."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


class Result(unittest.TextTestResult):
    """Counts what passed: unittest itself counts no set-up that failed, and each subtest that did."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


loader = unittest.TestLoader()
suite = (loader.loadTestsFromNames(sys.argv[1:]) if sys.argv[1:]
         else loader.discover(HERE, pattern="*_test.py"))
result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout, resultclass=Result).run(suite)
broken = {getattr(test, "test_case", test) for test, _ in result.failures + result.errors}
print(f"{result.passed} passed, {len(broken)} failed")
sys.exit(1 if broken else 0)
