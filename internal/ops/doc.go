// Package ops is what the people who run the server look at: health, readiness, metrics, profiles and logs.
package ops
