/** Few words, which are forms and parts of each other. */
export const relatedWords = "apply applied applies job jobs develop developer webdeveloper run running the".split(" ");

/**
 * Pairs of words that are forms of one word, by language. PostgreSQL's stemmers give both words of a pair the same stem. They do not join
 * all forms: `Kollegin` and `Kolleginnen`, for example, are not here.
 */
export const formPairs: { language: string; locale: string; pairs: string[] }[] = [
	{
		language: "English",
		locale: "en-GB",
		pairs: pairsOf(`
			apply applied, application applications, interview interviews, interview interviewed, hire hired,
			hire hiring, manage managing, manage managed, company companies, salary salaries, offer offered,
			offer offers, develop developing, develop developed, developer developers, engineer engineering,
			engineer engineers, candidate candidates, position positions, contract contracts, contract contracted,
			start starting, start started, work working, work worked, job jobs, skill skills, skill skilled,
			experience experiences, reference references, schedule scheduled, schedule scheduling, relocate relocating,
			relocate relocated, travel travels, travel traveling, negotiate negotiating, negotiate negotiated,
			negotiation negotiations, promote promoted, promotion promotions, resign resigned, resign resigning,
			train training, train trained, trainee trainees, certificate certificates, certify certified,
			certify certifying, qualify qualified, qualify qualifying, employ employed, employ employing,
			employer employers, employee employees, team teams, lead leading, leader leaders,
			responsibility responsibilities, opportunity opportunities, duty duties, reply replied, reply replies,
			confirm confirmed, confirm confirming, attach attached, attachment attachments, recommend recommended,
			recommendation recommendations, project projects, plan planned, plan planning
		`),
	},
	{
		language: "German",
		locale: "de-AT",
		pairs: pairsOf(`
			Bewerbung Bewerbungen, Bewerber Bewerbern, Gespräch Gespräche, Vorstellungsgespräch Vorstellungsgespräche,
			Gehalt Gehalts, Vertrag Vertrages, Stelle Stellen, Arbeit Arbeiten, arbeiten arbeitest,
			Erfahrung Erfahrungen, Kenntnis Kenntnisse, Zeugnis Zeugnisse, Unterlage Unterlagen, Haus Häuser,
			Platz Plätze, Abschluss Abschlüsse, Projekt Projekte, Projekt Projekten, Kollege Kollegen,
			Entwickler Entwicklern, Entwicklerin Entwicklerinnen, Ingenieur Ingenieure, Ingenieur Ingenieuren,
			Ausbildung Ausbildungen, Weiterbildung Weiterbildungen, Aufgabe Aufgaben, Anforderung Anforderungen,
			Kündigung Kündigungen, Frist Fristen, Kündigungsfrist Kündigungsfristen, Termin Termine, Termin Terminen,
			Angebot Angebote, Angebot Angeboten, Unternehmen Unternehmens, Abteilung Abteilungen, Leitung Leitungen,
			Führung Führungen, Sprache Sprachen, Lebenslauf Lebensläufe, Praktikum Praktikums, Schicht Schichten,
			Woche Wochen, Monat Monate, Monat Monaten, Jahr Jahre, Jahr Jahren, Tag Tage, Stunde Stunden, neu neue,
			neu neuen, groß großen, groß größe, schnell schnelle, schnell schneller, wichtig wichtige, wichtig wichtigen,
			möglich mögliche, verfügbar verfügbare, interessiert interessierte, Mitarbeiter Mitarbeitern,
			Führerschein Führerscheine, Gebühr Gebühren, Prüfung Prüfungen, Änderung Änderungen,
			Übersetzung Übersetzungen, Rückmeldung Rückmeldungen
		`),
	},
	{
		language: "French",
		locale: "fr",
		pairs: pairsOf(`
			candidat candidats, candidature candidatures, entretien entretiens, salaire salaires, contrat contrats,
			poste postes, employé employés, employé employée, employeur employeurs, expérience expériences,
			compétence compétences, formation formations, diplôme diplômes, lettre lettres, disponible disponibles,
			disponibilité disponibilités, horaire horaires, travailler travaillé, travailler travaillait,
			développeur développeurs, ingénieur ingénieurs, ingénieure ingénieures, équipe équipes, projet projets,
			mission missions, responsable responsables, responsabilité responsabilités, stage stages,
			stagiaire stagiaires, entreprise entreprises, société sociétés, collègue collègues, congé congés,
			offre offres, annonce annonces, recruter recruté, recruter recrutement, recruteur recruteurs,
			rencontrer rencontré, envoyer envoyé, confirmer confirmé, proposer proposé, commencer commencé,
			chercher cherché, gérer géré, motivé motivée, motivé motivés, intéressé intéressée, intéressé intéressés,
			qualifié qualifiée, qualifié qualifiés, nouveau nouveaux, langue langues, réponse réponses,
			question questions, document documents, semaine semaines, année années, heure heures, cheval chevaux,
			journal journaux, métier métiers, qualité qualités, référence références, rémunération rémunérations,
			délai délais, période périodes, négocier négocié, négociation négociations, préparer préparé,
			présenter présenté, présentation présentations
		`),
	},
	{
		language: "Spanish",
		locale: "es-MX",
		pairs: pairsOf(`
			candidato candidatos, candidata candidatas, entrevista entrevistas, salario salarios, contrato contratos,
			puesto puestos, empleo empleos, empleado empleados, empleado empleada, empresa empresas,
			experiencia experiencias, habilidad habilidades, formación formaciones, título títulos, carta cartas,
			disponible disponibles, horario horarios, trabajar trabajando, trabajar trabajado, trabajar trabajaba,
			trabajo trabajos, desarrollador desarrolladores, desarrolladora desarrolladoras, ingeniero ingenieros,
			ingeniera ingenieras, equipo equipos, proyecto proyectos, responsable responsables,
			responsabilidad responsabilidades, práctica prácticas, compañero compañeros, compañera compañeras,
			vacación vacaciones, oferta ofertas, anuncio anuncios, contratar contratado, contratar contratando,
			reunión reuniones, enviar enviado, enviar enviando, confirmar confirmado, confirmar confirmando,
			proponer proponiendo, empezar empezando, empezar empezado, buscar buscando, buscar buscado,
			gestión gestiones, motivado motivada, motivado motivados, interesado interesada, interesado interesados,
			cualificado cualificada, nuevo nuevos, nuevo nueva, idioma idiomas, respuesta respuestas, pregunta preguntas,
			documento documentos, semana semanas, hora horas, aplicación aplicaciones, solicitud solicitudes,
			solicitar solicitado, solicitar solicitando, condición condiciones, promoción promociones,
			decisión decisiones, opción opciones, currículo currículos, jornada jornadas, sueldo sueldos,
			licencia licencias, referencia referencias, evaluación evaluaciones
		`),
	},
	{
		language: "Portuguese",
		locale: "pt-BR",
		pairs: pairsOf(`
			candidato candidatos, candidata candidatas, entrevista entrevistas, salário salários, contrato contratos,
			vaga vagas, emprego empregos, empregado empregados, empresa empresas, experiência experiências,
			habilidade habilidades, título títulos, carta cartas, horário horários, trabalhar trabalhando,
			trabalhar trabalhado, trabalhar trabalhava, trabalho trabalhos, desenvolvedor desenvolvedores,
			desenvolvedora desenvolvedoras, engenheiro engenheiros, engenheira engenheiras, equipe equipes,
			projeto projetos, responsável responsáveis, responsabilidade responsabilidades, estágio estágios,
			estagiário estagiários, colega colegas, oferta ofertas, anúncio anúncios, contratar contratado,
			contratar contratando, enviar enviado, enviar enviando, confirmar confirmado, confirmar confirmando,
			começar começando, começar começado, buscar buscando, motivado motivada, motivado motivados,
			interessado interessada, interessado interessados, qualificado qualificada, novo novos, novo nova,
			idioma idiomas, resposta respostas, pergunta perguntas, documento documentos, semana semanas, hora horas,
			aplicação aplicações, solicitação solicitações, solicitar solicitado, currículo currículos, jornada jornadas,
			referência referências, avaliação avaliações, benefício benefícios, informação informações
		`),
	},
	{
		language: "Russian",
		locale: "ru",
		pairs: pairsOf(`
			вакансия вакансии, вакансия вакансий, собеседование собеседования, собеседование собеседований,
			зарплата зарплаты, зарплата зарплату, договор договора, договор договоры, работа работы, работа работу,
			работать работал, работать работала, работать работаем, сотрудник сотрудники, сотрудник сотрудников,
			компания компании, компания компаний, навык навыки, навык навыков, резюме резюме, письмо письма,
			график графика, график графики, разработчик разработчики, разработчик разработчиков, инженер инженеры,
			инженер инженеров, команда команды, команда команду, проект проекта, проект проекты, проект проектов,
			задача задачи, задача задачу, обязанность обязанности, отпуск отпуска, предложение предложения,
			предложение предложений, объявление объявления, встреча встречи, встреча встречу, отправить отправил,
			отправить отправила, подтвердить подтвердил, начать начал, начать начала, искать искал, новый новая,
			новый нового, новый новые, готовый готова, опытный опытного, опытный опытные, язык языка, язык языки,
			ответ ответа, ответ ответы, вопрос вопроса, вопрос вопросы, документ документы, неделя недели, неделя неделю,
			месяц месяца, месяц месяцы, час часа, час часов, ёлка ёлки, ёлка ёлку, учёт учёта, заявка заявки,
			заявка заявку, кандидат кандидаты, кандидат кандидата, кандидат кандидатов, должность должности,
			условие условия, условие условий, офис офиса, офис офисы
		`),
	},
	{
		language: "Greek",
		locale: "el",
		pairs: pairsOf(`
			αίτηση αιτήσεις, συνέντευξη συνεντεύξεις, μισθός μισθοί, μισθός μισθού, μισθός μισθούς, σύμβαση συμβάσεις,
			θέση θέσεις, εταιρεία εταιρείες, εταιρεία εταιρείας, δεξιότητα δεξιότητες, γράμμα γράμματα,
			διαθέσιμος διαθέσιμη, διαθέσιμος διαθέσιμοι, δουλειά δουλειές, δουλειά δουλειάς,
			προγραμματιστής προγραμματιστές, μηχανικός μηχανικοί, μηχανικός μηχανικούς, ομάδα ομάδες, ομάδα ομάδας,
			έργο έργα, έργο έργου, υπεύθυνος υπεύθυνη, υπεύθυνος υπεύθυνοι, ευθύνη ευθύνες, υπάλληλος υπάλληλοι,
			υπάλληλος υπαλλήλους, υποψήφιος υποψήφιοι, άδεια άδειες, άδεια άδειας, προσφορά προσφορές,
			προσφορά προσφοράς, συνάντηση συναντήσεις, νέος νέοι, νέος νέα, καλός καλή, καλός καλοί, γλώσσα γλώσσες,
			γλώσσα γλώσσας, απάντηση απαντήσεις, ερώτηση ερωτήσεις, έγγραφο έγγραφα, έγγραφο εγγράφου,
			εβδομάδα εβδομάδες, ώρα ώρες, ώρα ώρας, μήνας μήνες, σχολή σχολές, σχολή σχολής, εκπαίδευση εκπαίδευσης,
			πελάτης πελάτες, διευθυντής διευθυντές, τμήμα τμήματα, πρόγραμμα προγράμματα, σύστημα συστήματα,
			βιογραφικό βιογραφικά, γραφείο γραφεία, γραφείο γραφείου, κατάστημα καταστήματα, οδηγός οδηγοί,
			δάσκαλος δάσκαλοι, νοσοκόμος νοσοκόμοι, γιατρός γιατροί, γιατρός γιατρού, μάγειρας μάγειρες, πωλητής πωλητές,
			δίπλωμα διπλώματα, σπουδή σπουδές, χρόνος χρόνοι, χρόνος χρόνου, τεχνικός τεχνικοί
		`),
	},
	{
		language: "Turkish",
		locale: "tr",
		pairs: pairsOf(`
			mülakat mülakatlar, mülakat mülakatta, mülakat mülakatın, başvuru başvurunuz, iş işler, maaş maaşlar,
			maaş maaşı, sözleşme sözleşmeler, pozisyon pozisyonu, şirket şirketler, şirket şirketin, şirket şirketimiz,
			mektup mektuplar, çalışma çalışmalar, mühendis mühendisler, mühendis mühendisi, ekip ekipler, proje projeler,
			proje projede, görev görevler, görev görevi, sorumluluk sorumluluklar, staj stajlar, stajyer stajyerler,
			teklif teklifler, teklif teklifi, ilan ilanı, toplantı toplantılar, belge belgeler, cevap cevaplar, ay aylar,
			yıl yıllar, dil diller, aday adaylar, aday adayın, müdür müdürler, ofis ofisler, ofis ofiste, şehir şehirler,
			kitap kitabı, kitap kitaplar, kurs kurslar, eğitim eğitimi, bölüm bölümü, okul okullar, okul okulda,
			sertifika sertifikalar, referans referanslar, yazılım yazılımı, uzman uzmanı, ücret ücretler, ücret ücreti
		`),
	},
	{
		language: "Arabic",
		locale: "ar-EG",
		pairs: pairsOf(`
			مقابلة المقابلة, راتب الراتب, عقد العقد, شركة الشركة, خبرة الخبرة, مهارة المهارة, شهادة الشهادة,
			رسالة الرسالة, موظف موظفين, موظف الموظف, موظف موظفون, مهندس مهندسين, مهندس المهندس, مهندس مهندسون,
			مشروع المشروع, مسؤول المسؤول, مسؤولية المسؤولية, تدريب التدريب, إجازة الإجازة, عرض العرض, اجتماع الاجتماع,
			مستند المستند, جواب الجواب, سؤال السؤال, أسبوع الأسبوع, ساعة الساعة, مدير المدير, مدير مديرين, مكتب المكتب,
			مدينة المدينة, قسم القسم, دورة الدورة, جامعة الجامعة, طلب الطلب, مرشح المرشح, مرشح مرشحين, مبرمج المبرمج,
			مبرمج مبرمجين, محاسب المحاسب, محاسب محاسبين, معلم المعلم, معلم معلمين, ممرض الممرض, سائق السائق, دوام الدوام,
			بداية البداية, نهاية النهاية, تاريخ التاريخ, شروط الشروط, تفاصيل التفاصيل
		`),
	},
	{
		language: "Hindi",
		locale: "hi",
		pairs: pairsOf(`
			नौकरी नौकरियों, नौकरी नौकरियाँ, साक्षात्कार साक्षात्कारों, वेतन वेतनों, अनुभव अनुभवों, अनुभव अनुभवी,
			कौशल कौशलों, पत्र पत्रों, कर्मचारी कर्मचारियों, इंजीनियर इंजीनियरों, टीम टीमों, टीम टीमें,
			परियोजना परियोजनाओं, काम कामों, छुट्टी छुट्टियों, छुट्टी छुट्टियाँ, प्रस्ताव प्रस्तावों, बैठक बैठकों,
			बैठक बैठकें, दस्तावेज़ दस्तावेज़ों, उत्तर उत्तरों, सवाल सवालों, हफ़्ता हफ़्तों, सप्ताह सप्ताहों, महीना महीने,
			महीना महीनों, साल सालों, घंटा घंटे, घंटा घंटों, भाषा भाषाओं, कार्यालय कार्यालयों, शहर शहरों, विभाग विभागों,
			विश्वविद्यालय विश्वविद्यालयों, आवेदन आवेदनों, उम्मीदवार उम्मीदवारों, पद पदों, शिक्षक शिक्षकों, लड़का लड़के,
			लड़का लड़कों, किताब किताबें, किताब किताबों, नया नयी, अच्छा अच्छे, अच्छा अच्छी, बड़ा बड़े, बड़ा बड़ी,
			जिम्मेदारी जिम्मेदारियों, जिम्मेदारी जिम्मेदारियाँ, योग्यता योग्यताओं, परीक्षा परीक्षाओं,
			कंप्यूटर कंप्यूटरों, ग्राहक ग्राहकों, मालिक मालिकों, लेखक लेखकों, डॉक्टर डॉक्टरों, दुकान दुकानें,
			दुकान दुकानों, सेवा सेवाओं, रिपोर्ट रिपोर्टें, रिपोर्ट रिपोर्टों, समस्या समस्याओं, समाधान समाधानों,
			सदस्य सदस्यों, छात्र छात्रों, छात्रा छात्राओं
		`),
	},
];

function pairsOf(text: string): string[] {
	return text.trim().split(/,\s+/);
}
