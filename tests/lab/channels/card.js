// Microsoft's own library reads an Adaptive Card from stdin, and says what is wrong with it and what it shows.
// Arguments: the folder with node_modules.
const path = require("path");
const AC = require(path.join(process.argv[2], "node_modules", "adaptivecards", "dist", "adaptivecards.js"));
const message = JSON.parse(require("fs").readFileSync(0, "utf8"));
const attachment = message.attachments[0];
if (attachment.contentType !== "application/vnd.microsoft.card.adaptive") throw new Error("not a card");
const context = new AC.SerializationContext(AC.Versions.v1_4);
const card = new AC.AdaptiveCard();
card.parse(attachment.content, context);
const events = [];
for (let i = 0; i < context.eventCount; i++) events.push(context.getEventAt(i).message);
events.push(...card.validateProperties().validationEvents.map((e) => e.message));
console.log(JSON.stringify({ problems: events, items: card.getItemCount() }));
