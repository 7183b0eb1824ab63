package approval

// Membership is how a person stands towards our workspace.
type Membership string

// Only a Member may decide; the zero value is unknown and may not.
const (
	Unknown     Membership = ""
	Member      Membership = "member"
	Guest       Membership = "guest"
	Outsider    Membership = "outsider"
	Deactivated Membership = "deactivated"
	Robot       Membership = "bot"
)

// Person is somebody in Slack. Team and ID identify them; name and e-mail are
// what Slack's users.info said, never what a click's payload claims.
type Person struct {
	Team       string     `json:"team"`
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Email      string     `json:"email,omitempty"` // confirmed by Slack, or empty
	Membership Membership `json:"membership"`
}
