package journeypeer.same;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import journeypeer.Progress;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** All links, in one partition: which ids are one person, within bounds. Tells each id whose name changed. */
final class Identity implements Processor<String, byte[], String, byte[]> {
    static final String STATEMENTS = "statements", PARTNERS = "partners", PERSON_OF = "person-of";

    private static final int PARTNERS_MAX = 20;
    private static final int IDS_MAX = 100;

    private ProcessorContext<String, byte[]> context;
    /** By pair: what was said of it, in order. */
    private KeyValueStore<String, byte[]> statements;
    private KeyValueStore<String, byte[]> partners;
    private KeyValueStore<String, String> personOf;

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        statements = context.getStateStore(STATEMENTS);
        partners = context.getStateStore(PARTNERS);
        personOf = context.getStateStore(PERSON_OF);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        Move move = Move.read(record.value());
        Touch touch = move.entries().get(0).touch();
        String one = touch.subject, other = touch.texts[Touch.OTHER];
        if (isLinked(move, touch, one.compareTo(other) < 0 ? one + '\0' + other : other + '\0' + one)) {
            link(one, other);
            link(other, one);
        } else {
            unlink(one, other);
            unlink(other, one);
        }
        // Who comes to have too many partners, or no longer has, changes theirs as well.
        Set<String> seen = new TreeSet<>();
        Deque<String> todo = new ArrayDeque<>(List.of(one, other));
        todo.addAll(partnersOf(one));
        todo.addAll(partnersOf(other));
        while (!todo.isEmpty()) {
            String id = todo.pop();
            if (seen.contains(id)) continue;
            Set<String> ids = component(id);
            String name = nameOf(ids);
            for (String each : ids) {
                seen.add(each);
                String before = personOf.get(each);
                if (name.equals(before == null ? each : before)) continue;
                personOf.put(each, name);
                Progress.sent();
                context.forward(new Record<>(each, new Move(Move.ASSIGN, each, List.of(), name).bytes(), record.timestamp()));
            }
        }
        Progress.done(context);
    }

    private boolean isLinked(Move move, Touch touch, String pair) {
        TreeMap<Touch, Boolean> said = new TreeMap<>();
        byte[] stored = statements.get(pair);
        if (stored != null) {
            for (Move.Entry entry : Move.read(stored).entries()) said.put(entry.touch(), entry.touch().type.equals("identified"));
        }
        if (move.what() == Move.ADD) said.put(touch, touch.type.equals("identified"));
        else said.remove(touch);
        statements.put(pair, new Move(Move.ADD, "", said.keySet().stream().map(each -> new Move.Entry("", each)).toList(), "").bytes());
        return !said.isEmpty() && said.lastEntry().getValue();
    }

    private void link(String id, String partner) {
        Set<String> all = partnersOf(id);
        if (all.add(partner)) partners.put(id, written(all));
    }

    private void unlink(String id, String partner) {
        Set<String> all = partnersOf(id);
        if (all.remove(partner)) partners.put(id, written(all));
    }

    private Set<String> component(String start) {
        if (isHeld(start)) return Set.of(start);
        Set<String> found = new TreeSet<>(Set.of(start));
        Deque<String> edge = new ArrayDeque<>(found);
        while (!edge.isEmpty()) {
            for (String partner : partnersOf(edge.pop())) {
                if (found.contains(partner) || isHeld(partner)) continue;
                found.add(partner);
                edge.add(partner);
                if (found.size() > IDS_MAX) return Set.of(start);
            }
        }
        return found;
    }

    private boolean isHeld(String id) {
        Collection<String> all = partnersOf(id);
        if (all.size() <= PARTNERS_MAX) return false;
        return id.startsWith("anon:") || all.stream().filter(one -> one.startsWith("user:")).count() > PARTNERS_MAX;
    }

    private static String nameOf(Collection<String> ids) {
        return ids.stream().filter(one -> one.startsWith("user:")).min(String::compareTo)
                .orElseGet(() -> ids.stream().min(String::compareTo).orElseThrow());
    }

    private Set<String> partnersOf(String id) {
        byte[] stored = partners.get(id);
        if (stored == null) return new TreeSet<>();
        return Binary.read(stored, in -> {
            Set<String> found = new TreeSet<>();
            for (int left = in.readInt(); left > 0; left--) found.add(in.readUTF());
            return found;
        });
    }

    private static byte[] written(Set<String> ids) {
        return Binary.written(out -> {
            out.writeInt(ids.size());
            for (String one : ids) out.writeUTF(one);
        });
    }
}
