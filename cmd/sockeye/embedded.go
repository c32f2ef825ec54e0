package main

// What an image of nothing but this program would lack, and what is used only where the system has none of its own: the names of
// time zones, and the authorities that Mozilla trusts.
import (
	_ "time/tzdata"

	_ "golang.org/x/crypto/x509roots/fallback"
)
