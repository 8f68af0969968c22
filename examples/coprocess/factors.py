#!/usr/bin/env python3
"""A co-process: it makes a table of primes once, which takes a while, and then answers each number with its factors."""

import sys

MOST = 3_000_000


def smallest_factors(most):
    smallest = list(range(most + 1))
    for number in range(2, int(most ** 0.5) + 1):
        if smallest[number] == number:
            for multiple in range(number * number, most + 1, number):
                if smallest[multiple] == multiple:
                    smallest[multiple] = number
    return smallest


def main():
    smallest = smallest_factors(MOST)
    print("the table is there", file=sys.stderr, flush=True)
    for line in sys.stdin:
        number, factors = int(line), []
        while 1 < number <= MOST:
            factors.append(smallest[number])
            number //= smallest[number]
        # Flushed: nothing more is asked before there is an answer.
        print(f"{line.strip()}:", *factors, flush=True)


if __name__ == "__main__":
    main()
