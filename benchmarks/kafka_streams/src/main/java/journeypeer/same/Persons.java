package journeypeer.same;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import journeypeer.Progress;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * By person: a journey, and the history that it was folded from. What comes later than all there is, is folded onto the journey; anything
 * else folds the whole history anew. Transitions are told with their sign: one that does not hold any more is taken back.
 */
final class Persons implements Processor<String, byte[], String, byte[]> {
    static final String JOURNEYS = "journeys", HISTORY = "history";

    private static final ObjectWriter WRITER = new ObjectMapper().writerFor(Told.class);

    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, byte[]> journeys;
    private KeyValueStore<Bytes, byte[]> history;

    /** A transition as it is published. */
    record Told(String person, int count, String from, String to, long at, int nth, String rule, String source, String id, String subject) {}

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        journeys = context.getStateStore(JOURNEYS);
        history = context.getStateStore(HISTORY);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        String person = record.key();
        Move move = Move.read(record.value());
        byte[] stored = journeys.get(person);
        Journey journey = stored == null ? new Journey() : Journey.read(stored);
        int told = journey.transitions.size();
        if (move.what() == Move.ADD) {
            boolean again = journey.ids.add(move.id()) && journey.seen != null;
            List<Touch> fresh = new ArrayList<>(move.entries().size());
            for (Move.Entry one : move.entries()) {
                history.put(key(person, one.touch(), move.id(), one.group()), one.touch().bytes());
                fresh.add(one.touch());
            }
            fresh.sort(null);
            again |= journey.seen != null && fresh.get(0).compareTo(journey.seen) < 0;
            if (!again) {
                Fold fold = new Fold(journey);
                for (Touch one : fresh) if (journey.seen == null || one.compareTo(journey.seen) > 0) fold.fold(one);
                for (Journey.Transition one : journey.transitions.subList(told, journey.transitions.size())) tell(person, one, 1, record);
                journeys.put(person, journey.bytes());
                Progress.done(context);
                return;
            }
        } else if (move.what() == Move.REMOVE) {
            for (Move.Entry one : move.entries()) history.delete(key(person, one.touch(), move.id(), one.group()));
        } else {
            drop(person, move.id());
            journey.ids.remove(move.id());
        }
        again(person, journey, record);
        Progress.done(context);
    }

    private void again(String person, Journey before, Record<String, byte[]> record) {
        Journey journey = new Journey();
        journey.ids.addAll(before.ids);
        Fold fold = new Fold(journey);
        Touch last = null;
        Set<String> own = new HashSet<>();
        try (KeyValueIterator<Bytes, byte[]> all = all(person)) {
            while (all.hasNext()) {
                Touch touch = Touch.read(all.next().value);
                // It may be here under several ids and by way of several deals and accounts.
                if (last != null && touch.compareTo(last) == 0) continue;
                last = touch;
                // One event under two ids of the same person counts once.
                if (journey.ids.size() > 1 && journey.ids.contains(touch.subject) && !own.add(touch.source + '\0' + touch.id)) continue;
                fold.fold(touch);
            }
        }
        Map<Journey.Transition, Integer> changed = new LinkedHashMap<>();
        for (Journey.Transition one : before.transitions) changed.merge(one, -1, Integer::sum);
        for (Journey.Transition one : journey.transitions) changed.merge(one, 1, Integer::sum);
        changed.forEach((one, count) -> {
            if (count != 0) tell(person, one, count, record);
        });
        if (journey.seen == null) journeys.delete(person);
        else journeys.put(person, journey.bytes());
    }

    private void drop(String person, String id) {
        List<Bytes> gone = new ArrayList<>();
        byte[] under = ('\0' + id + '\0').getBytes(StandardCharsets.UTF_8);
        try (KeyValueIterator<Bytes, byte[]> all = all(person)) {
            while (all.hasNext()) {
                KeyValue<Bytes, byte[]> one = all.next();
                byte[] key = one.key.get();
                // … id \0 group \0
                int end = key.length - 1;
                do end--; while (key[end] != 0);
                int start = end - under.length + 1;
                if (start > 0 && Arrays.equals(key, start, end + 1, under, 0, under.length)) gone.add(one.key);
            }
        }
        gone.forEach(history::delete);
    }

    private void tell(String person, Journey.Transition one, int count, Record<String, byte[]> record) {
        Progress.moved();
        try {
            Told told = new Told(person, count, one.left(), one.stage(), one.at(), one.nth(), one.rule(), one.source(), one.id(), one.subject());
            context.forward(new Record<>(person, WRITER.writeValueAsBytes(told), record.timestamp()));
        } catch (JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }

    private KeyValueIterator<Bytes, byte[]> all(String person) {
        return history.range(Binary.key(person), Binary.end(person));
    }

    /** In the order of a history: person, time, source, id, subject; then the id and the deal or account by which it is in it. */
    private static Bytes key(String person, Touch touch, String id, String group) {
        byte[] first = (person + '\0').getBytes(StandardCharsets.UTF_8);
        byte[] rest = (touch.source + '\0' + touch.id + '\0' + touch.subject + '\0' + id + '\0' + group + '\0').getBytes(StandardCharsets.UTF_8);
        return Bytes.wrap(ByteBuffer.allocate(first.length + 8 + rest.length).put(first).putLong(touch.at).put(rest).array());
    }
}
