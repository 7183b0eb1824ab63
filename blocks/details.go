package blocks

import (
	"strconv"

	"github.com/slack-go/slack"
)

// DetailsModal shows a request in full: every fact, and every name on a line of
// its own, as far as a view can hold them. What does not fit is counted, so
// that nobody takes a part for the whole.
func DetailsModal(v CardView) slack.ModalViewRequest {
	r := v.Request
	d := details{left: maxDetails}
	d.add(1, slack.NewHeaderBlock(plainText(heading(r)), slack.HeaderBlockOptionBlockID(d.id())))
	d.add(1, section(d.id(), markdown(statusLine(v).mrkdwn())))
	d.blocks = append(d.blocks, allHints("hints", v.Hints, true)...)
	if t := visible(r.Title, maxChunk); t != "" {
		d.add(runes(t), section(d.id(), plainText(t)))
	}
	d.facts(v)
	d.names(sanNames(r.SANs))
	ids := newBlockIDs(r.ID, v.State, "details")
	for _, tail := range [][]slack.Block{counted(ids, v.Counted), said(ids, v), notes(ids, r), earlier(ids, v.Earlier), smallPrint(ids, r)} {
		d.blocks = append(d.blocks, tail...)
	}
	return modal("Request in full", d.blocks...)
}

// details collects blocks and keeps count of the room that is left in runes.
type details struct {
	blocks []slack.Block
	left   int
}

func (d *details) id() string { return "details-" + strconv.Itoa(len(d.blocks)+1) }

func (d *details) add(size int, b slack.Block) {
	d.left -= size
	d.blocks = append(d.blocks, b)
}

// facts are a block each: label in bold, value below, line breaks kept.
func (d *details) facts(v CardView) {
	shown := 0
	all := len(v.Request.Facts)
	for _, f := range v.Request.Facts {
		if len(v.Request.SANs) > 0 && isSANLabel(f.Label) {
			all-- // told by names
			continue
		}
		value := or(visibleLines(f.Value, maxChunk))
		if shown == maxDetailFacts || runes(value) > d.left-maxDetails/2 { // half is for the names
			break
		}
		shown++
		d.add(runes(value), slack.NewRichTextBlock(d.id(), slack.NewRichTextSection(bold(or(visible(f.Label, maxLabel))), text("\n"+value))))
	}
	if shown < all {
		d.add(0, context(d.id(), plainText(plural(all-shown, "more fact does", "more facts do")+" not fit here. See Keyfactor.")))
	}
}

// names are listed in chunks that Slack takes, one name a line.
func (d *details) names(names []string) {
	if len(names) == 0 {
		return
	}
	title := sanLabel
	if len(names) > 1 {
		title += " (" + strconv.Itoa(len(names)) + ")"
	}
	rest := names
	for first := true; len(rest) > 0 && d.left > 0; first = false {
		n, size, chunk := fill(rest, min(maxChunk, d.left))
		if n == 0 {
			break
		}
		parts := []slack.RichTextElement{preformatted(chunk)}
		if first {
			parts = append([]slack.RichTextElement{slack.NewRichTextSection(bold(title))}, parts...)
		}
		d.add(size, slack.NewRichTextBlock(d.id(), parts...))
		rest = rest[n:]
	}
	if len(rest) > 0 {
		d.add(0, section(d.id(), plainText("and "+strconv.Itoa(len(rest))+" more, which do not fit here. See Keyfactor.")))
	}
}

// fill takes as many whole lines as fit into limit runes.
func fill(items []string, limit int) (n, size int, chunk string) {
	for _, item := range items {
		length := runes(item) + 1
		if size+length > limit {
			break
		}
		if n > 0 {
			chunk += "\n"
		}
		chunk += item
		size += length
		n++
	}
	return n, size, chunk
}
