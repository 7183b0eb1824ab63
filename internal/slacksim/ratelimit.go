package slacksim

import (
	"math"
	"time"
)

// Rates are the numbers of the rate limits. Zero means Slack's published
// number, or our guess where Slack publishes none.
type Rates struct {
	// Tiers are calls a minute per method, index 1 to 4; index 0 is for
	// methods with special limits.
	Tiers [5]int
	// PostsPerSecond and PostBurst limit chat.postMessage in one channel.
	PostsPerSecond float64
	PostBurst      int
	// PostsPerMinute limits chat.postMessage in the workspace.
	PostsPerMinute int
}

func (r Rates) withDefaults() Rates {
	for i, n := range [5]int{600, 1, 20, 50, 100} {
		setDefault(&r.Tiers[i], n)
	}
	setDefault(&r.PostsPerSecond, 1)
	setDefault(&r.PostBurst, 5)
	setDefault(&r.PostsPerMinute, 600)
	return r
}

// limiter counts calls in buckets that refill steadily. It is guarded by the
// workspace's mutex.
type limiter struct {
	on      bool
	rates   Rates
	buckets map[string]*bucket
	blocked map[string]time.Time // method -> until
}

type bucket struct {
	level float64
	last  time.Time
}

func newLimiter(r Rates, on bool) limiter {
	return limiter{on: on, rates: r, buckets: map[string]*bucket{}, blocked: map[string]time.Time{}}
}

// allow counts one call and returns 0, or the whole seconds to wait. A method
// over its limit stays shut for the whole workspace until then.
func (l *limiter) allow(m *method, channel string, now time.Time) int {
	if !l.on {
		return 0
	}
	if until, ok := l.blocked[m.name]; ok {
		if now.Before(until) {
			return int(math.Ceil(until.Sub(now).Seconds()))
		}
		delete(l.blocked, m.name)
	}
	perMinute := l.rates.Tiers[m.tier]
	if m.name == "chat.postMessage" {
		perMinute = l.rates.PostsPerMinute
	}
	wait := l.take(m.name, float64(perMinute), float64(perMinute)/60, now)
	if m.name == "chat.postMessage" && wait == 0 {
		wait = l.take("post "+channel, float64(l.rates.PostBurst), l.rates.PostsPerSecond, now)
	}
	if wait == 0 {
		return 0
	}
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	l.blocked[m.name] = now.Add(time.Duration(seconds) * time.Second)
	return seconds
}

// allowURL limits response URLs, which have no method.
func (l *limiter) allowURL(url string, now time.Time) bool {
	return !l.on || l.take("url "+url, 5, 1, now) == 0
}

// take takes one from a bucket, or says how long until there is one again.
func (l *limiter) take(key string, size, perSecond float64, now time.Time) time.Duration {
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) > 10_000 {
			clear(l.buckets) // full buckets all, or nearly: nothing worth keeping at that size
		}
		b = &bucket{level: size, last: now}
		l.buckets[key] = b
	}
	b.level = min(size, b.level+max(0, now.Sub(b.last).Seconds())*perSecond)
	b.last = now
	if b.level < 1 {
		return time.Duration((1 - b.level) / perSecond * float64(time.Second))
	}
	b.level--
	return 0
}
