#!/usr/bin/env python3
"""Checks that what the pages of the repository link to is there. Links to other sites are left out."""

import os
import re
import subprocess
import sys

wrong = 0
pages = subprocess.run(['git', 'ls-files', '*.md'], check=True, capture_output=True, text=True).stdout.split()
for page in pages:
    with open(page, encoding='utf-8') as text:
        for number, line in enumerate(text, 1):
            for target in re.findall(r'\]\(([^)#\s]+)(?:#[^)]*)?\)', line):
                there = os.path.join(os.path.dirname(page), target)
                if not re.match(r'[a-z]+:', target) and not os.path.exists(there):
                    print(f'{page}:{number}: {target} is not there', file=sys.stderr)
                    wrong += 1
sys.exit(wrong > 0)
