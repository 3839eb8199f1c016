package journeypeer.same;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** How far a person has come: what the next touchpoint needs to know of those before it. Instants are microseconds. */
final class Journey {
    static final long NOT_YET = -(1L << 53);

    record Transition(String stage, long at, int nth, String left, String rule, String source, String id, String subject) {}

    record Points(long until, int points) {}

    record Daily(long day, int times) {}

    record Counted(long at, String source, String id, String subject) {}

    /** `pipeline`: as its last opening says; `isOpened`: whether there was one. */
    record Deal(String outcome, int cycle, boolean isOpened, String pipeline) {}

    static final class Cycle {
        int number;
        String status = "created";
        String lead = "";
        boolean isMql;
        boolean isQualified;

        boolean isOpen() {
            return switch (status) {
                case "rejected", "expired", "withdrawn", "recycled", "disqualified", "closed" -> false;
                default -> true;
            };
        }
    }

    final TreeSet<String> ids = new TreeSet<>();
    /** The last touchpoint folded, by its place only. */
    Touch seen;
    long now = NOT_YET;
    long quietUntil = NOT_YET;
    long activeAt = NOT_YET;
    String stage = "";
    long enteredAt = NOT_YET;
    long movedAt = NOT_YET;
    int moved;
    String firstChannel = "";
    String lastChannel = "";
    long sessionAt = NOT_YET;
    final List<Points> ledger = new ArrayList<>();
    final Map<String, Daily> daily = new TreeMap<>();
    final List<Counted> content = new ArrayList<>();
    final Map<String, Deal> deals = new TreeMap<>();
    final List<Cycle> cycles = new ArrayList<>();
    int cyclesBefore;
    final List<Transition> transitions = new ArrayList<>();

    int score() {
        int sum = 0;
        for (Points one : ledger) sum += one.points();
        return sum;
    }

    boolean hasOpenDeal() {
        for (Deal one : deals.values()) if (one.outcome().equals("open")) return true;
        return false;
    }

    boolean hasDeal(String outcome) {
        for (Deal one : deals.values()) if (one.outcome().equals(outcome)) return true;
        return false;
    }

    byte[] bytes() {
        return Binary.written(this::write);
    }

    static Journey read(byte[] bytes) {
        return Binary.read(bytes, Journey::read);
    }

    private void write(DataOutputStream out) throws IOException {
        out.writeShort(ids.size());
        for (String id : ids) out.writeUTF(id);
        out.writeBoolean(seen != null);
        if (seen != null) {
            out.writeLong(seen.at);
            out.writeUTF(seen.source);
            out.writeUTF(seen.id);
            out.writeUTF(seen.subject);
        }
        out.writeLong(now);
        out.writeLong(quietUntil);
        out.writeLong(activeAt);
        out.writeUTF(stage);
        out.writeLong(enteredAt);
        out.writeLong(movedAt);
        out.writeInt(moved);
        out.writeUTF(firstChannel);
        out.writeUTF(lastChannel);
        out.writeLong(sessionAt);
        out.writeShort(ledger.size());
        for (Points one : ledger) {
            out.writeLong(one.until());
            out.writeInt(one.points());
        }
        out.writeShort(daily.size());
        for (Map.Entry<String, Daily> one : daily.entrySet()) {
            out.writeUTF(one.getKey());
            out.writeLong(one.getValue().day());
            out.writeInt(one.getValue().times());
        }
        out.writeShort(content.size());
        for (Counted one : content) {
            out.writeLong(one.at());
            out.writeUTF(one.source());
            out.writeUTF(one.id());
            out.writeUTF(one.subject());
        }
        out.writeShort(deals.size());
        for (Map.Entry<String, Deal> one : deals.entrySet()) {
            out.writeUTF(one.getKey());
            out.writeUTF(one.getValue().outcome());
            out.writeInt(one.getValue().cycle());
            out.writeBoolean(one.getValue().isOpened());
            out.writeUTF(one.getValue().pipeline());
        }
        out.writeInt(cyclesBefore);
        out.writeShort(cycles.size());
        for (Cycle one : cycles) {
            out.writeInt(one.number);
            out.writeUTF(one.status);
            out.writeUTF(one.lead);
            out.writeBoolean(one.isMql);
            out.writeBoolean(one.isQualified);
        }
        out.writeShort(transitions.size());
        for (Transition one : transitions) {
            out.writeUTF(one.stage());
            out.writeLong(one.at());
            out.writeInt(one.nth());
            out.writeUTF(one.left());
            out.writeUTF(one.rule());
            out.writeUTF(one.source());
            out.writeUTF(one.id());
            out.writeUTF(one.subject());
        }
    }

    private static Journey read(DataInputStream in) throws IOException {
        Journey one = new Journey();
        for (int left = in.readShort(); left > 0; left--) one.ids.add(in.readUTF());
        if (in.readBoolean()) {
            one.seen = new Touch();
            one.seen.at = in.readLong();
            one.seen.source = in.readUTF();
            one.seen.id = in.readUTF();
            one.seen.subject = in.readUTF();
        }
        one.now = in.readLong();
        one.quietUntil = in.readLong();
        one.activeAt = in.readLong();
        one.stage = in.readUTF();
        one.enteredAt = in.readLong();
        one.movedAt = in.readLong();
        one.moved = in.readInt();
        one.firstChannel = in.readUTF();
        one.lastChannel = in.readUTF();
        one.sessionAt = in.readLong();
        for (int left = in.readShort(); left > 0; left--) one.ledger.add(new Points(in.readLong(), in.readInt()));
        for (int left = in.readShort(); left > 0; left--) one.daily.put(in.readUTF(), new Daily(in.readLong(), in.readInt()));
        for (int left = in.readShort(); left > 0; left--) one.content.add(new Counted(in.readLong(), in.readUTF(), in.readUTF(), in.readUTF()));
        for (int left = in.readShort(); left > 0; left--) {
            one.deals.put(in.readUTF(), new Deal(in.readUTF(), in.readInt(), in.readBoolean(), in.readUTF()));
        }
        one.cyclesBefore = in.readInt();
        for (int left = in.readShort(); left > 0; left--) {
            Cycle cycle = new Cycle();
            cycle.number = in.readInt();
            cycle.status = in.readUTF();
            cycle.lead = in.readUTF();
            cycle.isMql = in.readBoolean();
            cycle.isQualified = in.readBoolean();
            one.cycles.add(cycle);
        }
        for (int left = in.readShort(); left > 0; left--) {
            one.transitions.add(new Transition(
                    in.readUTF(), in.readLong(), in.readInt(), in.readUTF(), in.readUTF(), in.readUTF(), in.readUTF(), in.readUTF()));
        }
        return one;
    }
}
