// Package usage counts what a server is used for, by day, week and month: messages, the users and rooms that were active, and pushes.
//
//	usage.go    the units, and what is counted by them
//	counter.go  Counter: takes in what was said since the last time
//	pushes.go   what came of telling devices, which each node counts for itself
//	store.go    what is needed of a store
package usage

import (
	"fmt"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Unit is a length of time by which something is counted, in UTC.
type Unit string

// Units. A week begins on Monday, as in ISO 8601.
const (
	Day   Unit = "day"
	Week  Unit = "week"
	Month Unit = "month"
)

// Units are all.
var Units = []Unit{Day, Week, Month}

// Start is when the unit began in which a time is.
func (u Unit) Start(t time.Time) time.Time {
	t = t.UTC()
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	switch u {
	case Week:
		return day.AddDate(0, 0, -int((day.Weekday()+6)%7))
	case Month:
		return day.AddDate(0, 0, 1-day.Day())
	default:
		return day
	}
}

// Add is the start of the unit that is n later than one, or earlier for less than 0.
func (u Unit) Add(start time.Time, n int) time.Time {
	switch u {
	case Week:
		return start.AddDate(0, 0, 7*n)
	case Month:
		return start.AddDate(0, n, 0)
	default:
		return start.AddDate(0, 0, n)
	}
}

// most is how many units are kept and shown at most, usual how many are shown unless somebody wants others.
var (
	most  = map[Unit]int{Day: 400, Week: 260, Month: 120}
	usual = map[Unit]int{Day: 30, Week: 26, Month: 12}
)

// Period is the day, the week and the month in which something happens.
type Period struct{ Day, Week, Month time.Time }

// PeriodOf is that of a time.
func PeriodOf(t time.Time) Period { return Period{Day.Start(t), Week.Start(t), Month.Start(t)} }

// Start is when the unit of the period began.
func (p *Period) Start(u Unit) time.Time {
	return map[Unit]time.Time{Day: p.Day, Week: p.Week, Month: p.Month}[u]
}

// Count is what was counted in a unit.
type Count struct {
	Start time.Time
	// Messages were said. Users were connected or have said something, in Rooms something was said; each counts once.
	Messages, Users, Rooms int
	Pushes
}

// Pushes are notifications that a push service has taken for a device, and those that were given up: refused, or too old before they
// were taken.
type Pushes struct{ Sent, Failed int }

// DayNumber is how stores keep the start of a unit: in days since 1970.
func DayNumber(start time.Time) int64 { return Day.Start(start).Unix() / secondsOfDay }

// DayOf is the opposite.
func DayOf(number int64) time.Time { return time.Unix(number*secondsOfDay, 0).UTC() }

const secondsOfDay = 24 * 60 * 60

// Check refuses what [Counter.History] would refuse, before anything is read.
func Check(u Unit, limit int) error {
	_, err := check(u, limit)
	return err
}

// check returns how many units are wanted, or refuses that.
func check(u Unit, limit int) (int, error) {
	switch {
	case !slices.Contains(Units, u):
		return 0, refusal.Invalid("by", "must be day, week or month")
	case limit < 0:
		return 0, refusal.Invalid("limit", "must be at least 1")
	case limit == 0:
		return usual[u], nil
	case limit > most[u]:
		return 0, refusal.Beyond("limit", most[u], fmt.Sprintf("must be at most %d by %s", most[u], u))
	}
	return limit, nil
}
