package main

import (
	"testing"

	"github.com/approvebot/approvebot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
