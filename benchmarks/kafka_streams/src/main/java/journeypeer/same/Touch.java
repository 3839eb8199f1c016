package journeypeer.same;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import journeypeer.Touchpoint;

/** What the fold needs of a touchpoint, in few bytes: how it travels between processors and how histories keep it. Times are microseconds. */
final class Touch implements Comparable<Touch> {
    /** The texts of `data`, by their place in `texts`. */
    static final int AGENT = 0, CHANNEL = 1, CLICK_ID = 2, DEAL = 3, DIRECTION = 4, GRADE = 5, INTENT = 6, LEAD = 7, NAME = 8,
            NETWORK = 9, OTHER = 10, OUTCOME = 11, REASON = 12, REFERRER = 13, STATUS = 14, URL = 15, UTM_MEDIUM = 16, UTM_SOURCE = 17,
            OF_ID = 18, OF_SOURCE = 19, ACCOUNT = 20, PIPELINE = 21, STAGE = 22,
            TEXTS = 23;

    long at;
    String source;
    String id;
    String subject;
    String type;
    String[] texts = new String[TEXTS];
    boolean excluded;
    boolean machine;
    /** Who takes part in its deal, as it says itself. */
    List<String> people = List.of();

    static Touch of(Touchpoint event) {
        Touch touch = new Touch();
        Instant time = Instant.parse(event.time);
        touch.at = time.getEpochSecond() * 1_000_000L + time.getNano() / 1_000;
        touch.source = event.source;
        touch.id = event.id;
        touch.subject = event.subject;
        touch.type = event.type;
        Touchpoint.Data data = event.data;
        if (data == null) return touch;
        String[] texts = touch.texts;
        texts[ACCOUNT] = data.account;
        texts[AGENT] = data.agent;
        texts[CHANNEL] = data.channel;
        texts[CLICK_ID] = data.click_id;
        texts[DEAL] = data.deal;
        texts[DIRECTION] = data.direction;
        texts[GRADE] = data.grade;
        texts[INTENT] = data.intent;
        texts[LEAD] = data.lead;
        texts[NAME] = data.name;
        texts[NETWORK] = data.network;
        texts[OTHER] = data.other;
        texts[OUTCOME] = data.outcome;
        texts[PIPELINE] = data.pipeline;
        texts[REASON] = data.reason;
        texts[REFERRER] = data.referrer;
        texts[STAGE] = data.stage;
        texts[STATUS] = data.status;
        texts[URL] = data.url;
        texts[UTM_MEDIUM] = data.utm_medium;
        texts[UTM_SOURCE] = data.utm_source;
        texts[OF_ID] = data.of_id;
        texts[OF_SOURCE] = data.of_source;
        touch.machine = Boolean.TRUE.equals(data.machine);
        touch.excluded = Bots.excludes(touch.type, data);
        if (data.people != null && (touch.type.equals("deal_opened") || touch.type.equals("deal_updated"))) {
            touch.people = new ArrayList<>();
            for (JsonNode one : data.people) touch.people.add(one.get("person").asText());
        }
        return touch;
    }

    String deal() {
        return texts[DEAL] != null ? "deal:" + texts[DEAL] : subject.startsWith("deal:") ? subject : null;
    }

    boolean isLink() {
        return type.equals("identified") || type.equals("unlinked");
    }

    /** Whose people hear of it, or come to be named by it: a deal or an account. */
    String group() {
        if (joinsAccount()) return "account:" + texts[ACCOUNT];
        return type.equals("account_updated") ? subject : deal();
    }

    boolean joinsAccount() {
        return type.equals("account_joined");
    }

    /** The ids that it makes take part in its deal, or a member of its account. */
    List<String> named() {
        if (joinsAccount()) return List.of(subject);
        if (texts[DEAL] == null || !Subjects.isPerson(subject)) return people;
        List<String> all = new ArrayList<>(people);
        all.add(subject);
        return all;
    }

    /** The order of a history. */
    @Override
    public int compareTo(Touch other) {
        int found = Long.compare(at, other.at);
        if (found == 0) found = source.compareTo(other.source);
        if (found == 0) found = id.compareTo(other.id);
        return found == 0 ? subject.compareTo(other.subject) : found;
    }

    void write(DataOutputStream out) throws IOException {
        out.writeLong(at);
        out.writeUTF(source);
        out.writeUTF(id);
        out.writeUTF(subject);
        out.writeUTF(type);
        int there = (excluded ? 1 << 30 : 0) | (machine ? 1 << 29 : 0);
        for (int one = 0; one < TEXTS; one++) if (texts[one] != null) there |= 1 << one;
        out.writeInt(there);
        for (String text : texts) if (text != null) out.writeUTF(text);
        out.writeShort(people.size());
        for (String one : people) out.writeUTF(one);
    }

    static Touch read(DataInputStream in) throws IOException {
        Touch touch = new Touch();
        touch.at = in.readLong();
        touch.source = in.readUTF();
        touch.id = in.readUTF();
        touch.subject = in.readUTF();
        touch.type = in.readUTF().intern();
        int there = in.readInt();
        touch.excluded = (there & 1 << 30) != 0;
        touch.machine = (there & 1 << 29) != 0;
        for (int one = 0; one < TEXTS; one++) if ((there & 1 << one) != 0) touch.texts[one] = in.readUTF();
        int people = in.readShort();
        if (people > 0) {
            touch.people = new ArrayList<>(people);
            for (; people > 0; people--) touch.people.add(in.readUTF());
        }
        return touch;
    }

    byte[] bytes() {
        return Binary.written(this::write);
    }

    static Touch read(byte[] bytes) {
        return Binary.read(bytes, Touch::read);
    }
}
