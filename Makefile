# Each command does its own set-up: see README.md.
.PHONY: run screenshots test test-browser test-faults test-compose bench lint format up down logs status

run:
	@exec compose/local/run

test:
	@compose/local/test

test-browser:
	@compose/local/test Tests/Browser

test-faults:
	@compose/local/test -s Tests/System/test_faults.py Tests/Faults/test_checker.py Tests/Faults/test_failover.py Tests/Faults/test_replicas.py Tests/Faults/test_redis_failover.py Tests/Faults/long_form.py

screenshots:
	@compose/local/screenshots

test-compose:
	@compose/local/test-compose

up down logs status:
	@compose/everline $@

bench:
	@compose/local/bench

lint:
	swift format lint --strict --configuration .swift-format --recursive Package.swift Services Shared Tests

format:
	swift format format --in-place --configuration .swift-format --recursive Package.swift Services Shared Tests
