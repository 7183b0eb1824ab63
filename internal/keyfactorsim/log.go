package keyfactorsim

import "slices"

// journal is an append-only log that keeps the newest records. Numbers count from 1 and go on when old records are dropped,
// so that a gap shows.
type journal[T any] struct {
	keep    int
	records []*T
	number  func(*T, int)
	count   int
}

func (j *journal[T]) add(record T) *T {
	j.count++
	j.number(&record, j.count)
	if len(j.records) >= 2*j.keep {
		// Dropping half at a time makes the cost of dropping disappear.
		j.records = slices.Clone(j.records[len(j.records)-j.keep:])
	}
	j.records = append(j.records, &record)
	return &record
}

func (j *journal[T]) all() []T {
	list := make([]T, len(j.records))
	for i, r := range j.records {
		list[i] = *r
	}
	return list
}
