package main

import (
	"testing"

	"github.com/approvebot/approvebot/internal/pgtest"
)

// cleanups are done when all tests have ended.
var cleanups []func()

func TestMain(m *testing.M) {
	pgtest.Main(m, func() {
		for _, clean := range cleanups {
			clean()
		}
	})
}
