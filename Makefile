# Each command does its own set-up: see README.md.
.PHONY: run test lint format

run:
	@exec compose/local/run

test:
	@compose/local/test

lint:
	swift format lint --strict --configuration .swift-format --recursive Package.swift Services Shared Tests

format:
	swift format format --in-place --configuration .swift-format --recursive Package.swift Services Shared Tests
