package journeypeer.same;

import java.util.LinkedHashMap;
import java.util.Map;
import journeypeer.Peer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.Stores;

/**
 * The same fold as ours: whatever the order, the duplicates, the links, the deals and the accounts, the transitions come to the same, and a
 * test holds them against ours.
 *
 * <p>What it does less: no reasons are kept beyond the touchpoint that set a transition off; lead cycles have no owners, clocks or
 * history; no conversions, touches or traffic; no facts of deals, orders, spend and profiles; a channel is found by a few rules instead of
 * GA4's; no deadline is announced before the next touchpoint; the bodies are not validated, and not kept but for what the fold reads;
 * nothing is written to PostgreSQL. Of what the simulation does not send, it knows no stage that closes a deal, no close with a `stated_at`,
 * and no refund or opening that is said twice; and the list of an account's people is not bounded, only what is shared with them. One event
 * under two ids of one person is told apart only when its history is folded anew.
 */
public final class Same implements Peer {
    static final String LINKS = "links", GROUPS = "groups", IDS = "ids", PERSONS = "persons";

    @Override
    public Map<String, Integer> between(int partitions) {
        Map<String, Integer> topics = new LinkedHashMap<>();
        topics.put(LINKS, 1);
        topics.put(GROUPS, partitions);
        topics.put(IDS, partitions);
        topics.put(PERSONS, partitions);
        return topics;
    }

    @Override
    public Topology topology(String touchpoints, String application, String transitions) {
        Topology all = new Topology();
        source(all, "touchpoints-in", touchpoints).addProcessor("arrivals", Subjects.Arrivals::new, "touchpoints-in");
        source(all, "ids-in", application + "-" + IDS).addProcessor("by-id", Subjects.ById::new, "ids-in");
        bodies(all, Subjects.TOUCHPOINTS, "arrivals", "by-id");
        store(all, Subjects.NAMES, Serdes.String(), "arrivals", "by-id");
        bodies(all, Subjects.THROUGH, "arrivals", "by-id");

        source(all, "links-in", application + "-" + LINKS).addProcessor("identity", Identity::new, "links-in");
        store(all, Identity.STATEMENTS, Serdes.ByteArray(), "identity");
        store(all, Identity.PARTNERS, Serdes.ByteArray(), "identity");
        store(all, Identity.PERSON_OF, Serdes.String(), "identity");

        source(all, "groups-in", application + "-" + GROUPS).addProcessor("in-groups", Groups::new, "groups-in");
        bodies(all, Groups.TOUCHPOINTS, "in-groups");
        store(all, Groups.PEOPLE, Serdes.ByteArray(), "in-groups");

        source(all, "persons-in", application + "-" + PERSONS).addProcessor("fold", Persons::new, "persons-in");
        store(all, Persons.JOURNEYS, Serdes.ByteArray(), "fold");
        bodies(all, Persons.HISTORY, "fold");

        sink(all, LINKS, application, "arrivals");
        sink(all, GROUPS, application, "arrivals");
        sink(all, IDS, application, "in-groups", "identity");
        sink(all, PERSONS, application, "arrivals", "by-id");
        return all.addSink("transitions", transitions, Serdes.String().serializer(), Serdes.ByteArray().serializer(), "fold");
    }

    private static Topology source(Topology all, String name, String topic) {
        return all.addSource(name, Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), topic);
    }

    private static void sink(Topology all, String name, String application, String... from) {
        all.addSink(name, application + "-" + name, Serdes.String().serializer(), Serdes.ByteArray().serializer(), from);
    }

    /** What changes again and again: cached, so that it is written once a commit. */
    private static <V> void store(Topology all, String name, Serde<V> values, String... of) {
        all.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.String(), values).withCachingEnabled(), of);
    }

    /** What is written once: a cache would only be one more place that it goes through. */
    private static void bodies(Topology all, String name, String... of) {
        all.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.Bytes(), Serdes.ByteArray()).withCachingDisabled(), of);
    }
}
