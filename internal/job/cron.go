package job

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Cron is when a recurring job is due: a line of crontab(5), in UTC.
type Cron struct {
	minute, hour, day, month, weekday uint64 // a bit for each value
	anyDay, anyWeekday                bool   // it begins with *, and so leaves the choice to the other
}

// cronFields are the fields of a line, in their order.
var cronFields = [...]struct {
	name        string
	first, last int
	names       string // of values from the first on
}{
	{"minute", 0, 59, ""},
	{"hour", 0, 23, ""},
	{"day of month", 1, 31, ""},
	{"month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
	{"day of week", 0, 7, "sun mon tue wed thu fri sat"}, // 7 is Sunday too
}

// cronNames stand for lines.
var cronNames = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// maxCron is how many bytes a line has at most.
const maxCron = 200

// ParseCron reads a line: minute, hour, day of month, month and day of week, each a list of values, ranges and steps (*, 5,
// 1-5, */10, 8-18/2, mon-fri), or one of @hourly, @daily, @weekly, @monthly and @yearly. Where both days are restricted, one of
// them is enough. What is wrong is refused with the field that it is in.
func ParseCron(line string) (Cron, error) {
	if len(line) > maxCron {
		return Cron{}, refusal.TooMuch("cron", maxCron, "bytes")
	}
	if strings.HasPrefix(line, "@") {
		known, is := cronNames[line]
		if !is {
			return Cron{}, refusal.Invalid("cron", fmt.Sprintf("must not be %q: there are @hourly, @daily, @weekly, @monthly and @yearly", line))
		}
		line = known
	}
	fields := strings.Fields(line)
	if len(fields) != len(cronFields) {
		return Cron{}, refusal.Invalid("cron", fmt.Sprintf("must have 5 fields (minute, hour, day of month, month, day of week), not %d", len(fields)))
	}
	var c Cron
	for i, into := range []*uint64{&c.minute, &c.hour, &c.day, &c.month, &c.weekday} {
		var err error
		if *into, err = parseCronField(i, fields[i]); err != nil {
			return Cron{}, refusal.Invalid("cron", "has a bad "+cronFields[i].name+": "+err.Error())
		}
	}
	c.weekday |= c.weekday >> 7 & 1
	c.anyDay, c.anyWeekday = strings.HasPrefix(fields[2], "*"), strings.HasPrefix(fields[4], "*")
	if !c.happens() {
		return Cron{}, refusal.Invalid("cron", "has a bad day of month: none of its months has that day")
	}
	return c, nil
}

// parseCronField returns the values of one field.
func parseCronField(field int, text string) (values uint64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			if step, err = parseNumber(stepText); err != nil || step < 1 || step > 60 {
				return 0, fmt.Errorf("the step %q must be a number from 1 to 60", stepText)
			}
		}
		first, last := cronFields[field].first, cronFields[field].last
		if span != "*" {
			from, to, ranged := strings.Cut(span, "-")
			if first, err = parseCronValue(field, from); err != nil {
				return 0, err
			}
			switch {
			case ranged:
				last, err = parseCronValue(field, to)
			case !stepped:
				last = first
			}
			if err != nil {
				return 0, err
			}
			if first > last {
				return 0, fmt.Errorf("%q ends before it begins", span)
			}
		}
		for value := first; value <= last; value += step {
			values |= 1 << value
		}
	}
	return values, nil
}

// parseCronValue reads a number or a name.
func parseCronValue(field int, text string) (int, error) {
	of := cronFields[field]
	for i, name := range strings.Fields(of.names) {
		if strings.EqualFold(name, text) {
			return of.first + i, nil
		}
	}
	value, err := parseNumber(text)
	if err != nil || value < of.first || value > of.last {
		return 0, fmt.Errorf("%q is not within %d to %d", text, of.first, of.last)
	}
	return value, nil
}

// parseNumber takes digits alone, where strconv would take a sign.
func parseNumber(text string) (int, error) {
	if text == "" || len(text) > 2 || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return strconv.Atoi(text)
}

// happens tells whether there is a time at which the line is due.
func (c *Cron) happens() bool {
	if !c.anyWeekday && !c.anyDay {
		return true // the weekday is enough
	}
	first := bits.TrailingZeros64(c.day)
	for month := 1; month <= 12; month++ {
		if c.month&(1<<month) != 0 && first <= longest(month) {
			return true
		}
	}
	return false
}

// longest is how many days a month can have.
func longest(month int) int {
	return time.Date(2024, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// searchDays is within how many days every line is due that ever is: February 29 can be 8 years away, and on a certain day of
// the week 40.
const searchDays = 41 * 366

// Next is the first time behind another one at which the line is due.
func (c *Cron) Next(after time.Time) time.Time {
	t := after.UTC().Truncate(time.Minute).Add(time.Minute)
	for range searchDays {
		if c.onDay(t) {
			if at, found := c.within(t); found {
				return at
			}
		}
		t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
	}
	return t // not reached: see happens
}

func (c *Cron) onDay(t time.Time) bool {
	day, weekday := c.day&(1<<t.Day()) != 0, c.weekday&(1<<int(t.Weekday())) != 0
	switch {
	case c.month&(1<<int(t.Month())) == 0:
		return false
	case !c.anyDay && !c.anyWeekday:
		return day || weekday
	default:
		return day && weekday
	}
}

// within is the first time of t's day from t on.
func (c *Cron) within(t time.Time) (at time.Time, found bool) {
	for hour := t.Hour(); hour < 24; hour++ {
		from := 0
		if hour == t.Hour() {
			from = t.Minute()
		}
		minutes := c.minute >> from << from
		if c.hour&(1<<hour) != 0 && minutes != 0 {
			return time.Date(t.Year(), t.Month(), t.Day(), hour, bits.TrailingZeros64(minutes), 0, 0, time.UTC), true
		}
	}
	return time.Time{}, false
}
