package blocks

import "strings"

// Narrowing is whom the subscriptions of a channel leave deciding there: a list
// for each of them, of names as they were typed. Whoever decides has to be meant by
// every list, and be an approver by the route; an empty list means nobody.
type Narrowing [][]string

// sentence says who may decide in the channel, or "" where that is not narrowed.
func (n Narrowing) sentence() string {
	if len(n) == 0 {
		return ""
	}
	lists := make([]string, len(n))
	for i, names := range n {
		if len(names) == 0 {
			return "In this channel nobody may decide, because a subscription of it cannot be read."
		}
		marked := make([]string, len(names))
		for j, name := range names {
			marked[j] = code(name, maxLabel)
		}
		lists[i] = "among " + joinSome(marked, len(marked), " or ", maxDeciders)
	}
	return "In this channel only approvers " + joinSome(lists, len(lists), " and ", maxDeciders*2) + " may decide."
}

// narrowed are sentences about channels in which fewer people may decide, each on
// its line.
func narrowed(all []ExplainNarrowing) string {
	var out strings.Builder
	for _, n := range all {
		if s, ok := strings.CutPrefix(n.Deciders.sentence(), "In this channel"); ok {
			out.WriteString("\nIn " + room(n.Channel) + s)
		}
	}
	return out.String()
}
