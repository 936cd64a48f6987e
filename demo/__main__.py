import argparse
import sys

from demo.program import demo

parser = argparse.ArgumentParser(prog="shuyuan demo")
parser.add_argument("--keep", action="store_true")
parser.add_argument("--json", action="store_true")
parser.add_argument("--seed", type=int)
options = parser.parse_args()
sys.exit(demo(keep=options.keep, as_json=options.json, seed=options.seed))
